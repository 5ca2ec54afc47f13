# ./dev check: checks the changed files in seconds.
# shellcheck shell=bash

readonly overlay=build/overlay

# Lists the files that differ from the main branch or are not committed, including deleted files.
changed_files() {
    local base
    base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || echo HEAD)
    {
        git diff --name-only --no-renames "$base"
        git ls-files --others --exclude-standard
    } | sort -u
}

# Lists those of the named files that exist and match the pattern.
existing() {
    local pattern=$1 name
    shift
    for name in "$@"; do
        [[ -f $name && $name =~ $pattern ]] && printf '%s\n' "$name"
    done
    return 0
}

# The path of the compiled core in the folder where the wheel was built: Ninja compiles only changed files there.
native_core() {
    printf 'build/wheel/cpp/_core%s' "$("$bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')"
}

# Whether Ninja can continue in that folder. `pip install .` for another environment leaves paths of
# that environment there, and of a temporary folder that no longer exists.
core_is_ours() {
    [[ -f $(native_core) && -f $venv/project.stamp && $(<"$venv/project.stamp") == "$(project_key)" ]] &&
        grep -qs "^Python_EXECUTABLE:PATH=$PWD/$bin/" build/wheel/CMakeCache.txt
}

# Makes a virtual environment over .venv in which the package consists of links to the source tree
# and to the compiled core. The entry points of the installed wheel still apply. PYTHONPATH would not
# do, because tests start processes without it.
make_overlay() {
    if ! core_is_ours; then
        rm -f "$venv/package.stamp"
        setup
    elif ! cmake --build build/wheel --target _core >build/core.log 2>&1; then
        cat build/core.log >&2
        return 1
    fi
    rm -rf "$overlay"
    mkdir -p "$overlay/source/incm_webhook"
    ln -s "$PWD"/python/incm_webhook/[!_]* "$PWD"/python/incm_webhook/__*.py "$PWD"/python/incm_webhook/_core.pyi \
        "$overlay/source/incm_webhook/"
    ln -s "$PWD/plugins" "$overlay/source/incm_webhook/plugins"
    ln -s "$PWD/$(native_core)" "$overlay/source/incm_webhook/"
    "$bin/python" -m venv --without-pip "$overlay/venv"
    local purelib='import sysconfig; print(sysconfig.get_path("purelib"))'
    printf '%s\n' "$PWD/$overlay/source" "$("$bin/python" -c "$purelib")" \
        >"$("$overlay/venv/bin/python" -c "$purelib")/overlay.pth"
}

# Runs those unit tests over the source tree that the named files concern. The bytecode goes to
# build, wherever the environment wants it: without it pytest and each process that a test starts
# would compile the same modules again, which takes longer than the tests.
check_units() {
    local tests
    mapfile -t tests < <("$bin/python" tools/concerned_tests.py "$@")
    say "unit tests that the changes concern: ${#tests[@]} of $(find tests/unit -name 'test_*.py' | wc -l) modules"
    ((${#tests[@]} > 0)) || return 0
    PYTHONDONTWRITEBYTECODE='' PYTHONPYCACHEPREFIX=$PWD/build/bytecode \
        "$overlay/venv/bin/python" -m pytest -q --no-header -n "$(nproc)" --dist worksteal "${tests[@]}"
}

check() {
    git rev-parse --is-inside-work-tree >/dev/null 2>&1 || die "check compares with the main branch: it needs Git"
    local changed python cpp tidy failed=()
    mapfile -t changed < <(changed_files)
    mapfile -t python < <(existing '\.pyi?$' "${changed[@]}")
    mapfile -t cpp < <(existing '^(cpp|bench|tests)/.*\.(h|cpp)$' "${changed[@]}")
    mapfile -t tidy < <(existing '^cpp/incm/.*\.cpp$' "${changed[@]}")
    say "changed files: ${#changed[@]}, of them Python: ${#python[@]}, C++: ${#cpp[@]}"
    need_packages "${build_packages[@]}"
    setup_tools
    mkdir -p build
    { "$bin/mypy" python plugins && "$bin/mypy" tests; } >build/mypy.log 2>&1 &
    local types=$!
    ((${#python[@]} == 0)) || ./dev lint ruff "${python[@]}" || failed+=(ruff)
    ((${#cpp[@]} == 0)) || ./dev lint clang-format "${cpp[@]}" || failed+=(clang-format)
    [[ ${#tidy[@]} == 0 || ! -f build/dev/build.ninja ]] || ./dev lint clang-tidy "${tidy[@]}" || failed+=(clang-tidy)
    if make_overlay; then
        check_units "${changed[@]}" || failed+=("unit tests")
    else
        failed+=("the compiled core")
    fi
    wait "$types" || { cat build/mypy.log >&2 && failed+=(mypy); }
    [[ " ${failed[*]-} " != *" ruff "* && " ${failed[*]-} " != *" clang-format "* ]] ||
        say "./dev format corrects the format"
    ((${#failed[@]} == 0)) || die "check failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
    say "check: no findings"
}
