# ./dev check: what changed, in seconds.
# shellcheck shell=bash

readonly overlay=build/overlay

# What differs from the main branch, and what is not committed, deleted files too.
changed_files() {
    local base
    base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || echo HEAD)
    {
        git diff --name-only --no-renames "$base"
        git ls-files --others --exclude-standard
    } | sort -u
}

# Those of the named files that exist and end as the pattern says.
existing() {
    local pattern=$1 name
    shift
    for name in "$@"; do
        [[ -f $name && $name =~ $pattern ]] && printf '%s\n' "$name"
    done
    return 0
}

# The compiled core in the folder where the wheel was built: Ninja compiles only what changed.
native_core() {
    printf 'build/wheel/cpp/_core%s' "$("$bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')"
}

# Whether Ninja can go on in that folder. `pip install .` for another environment leaves it with the
# paths of that one, and of a temporary folder that is gone.
core_is_ours() {
    [[ -f $(native_core) && -f $venv/project.stamp && $(<"$venv/project.stamp") == "$(project_key)" ]] &&
        grep -qs "^Python_EXECUTABLE:PATH=$PWD/$bin/" build/wheel/CMakeCache.txt
}

# A virtual environment over .venv, in which the package is the source tree with the compiled core
# beside it: links only. What the installed wheel says about itself (entry points) stays in force. An
# environment, since tests start processes without PYTHONPATH.
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

# Unit tests over the source tree; of the slow ones only those that the named files concern.
check_units() {
    local left_out
    mapfile -t left_out < <("$bin/python" tools/slow_tests.py "$@")
    ((${#left_out[@]} == 0)) || say "left out, since nothing of theirs changed: ${left_out[*]}"
    "$overlay/venv/bin/python" -m pytest -q --no-header -n "$(nproc)" --dist worksteal tests/unit \
        "${left_out[@]/#/--ignore=}"
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
    "$bin/mypy" python plugins tests >build/mypy.log 2>&1 &
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
        say "what is only format: ./dev format rewrites it"
    ((${#failed[@]} == 0)) || die "not in order: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
    say "check: nothing to say"
}
