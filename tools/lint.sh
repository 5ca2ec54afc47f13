# ./dev lint and ./dev format.
# shellcheck shell=bash

cpp_files() { find cpp bench tests/cpp tests/fuzz -name '*.h' -o -name '*.cpp'; }

lint_clang_format() {
    need_packages clang-format
    if (($#)); then printf '%s\n' "$@"; else cpp_files; fi | xargs -r clang-format --dry-run -Werror
}

# Checks each file separately, as many at once as there are processors.
lint_clang_tidy() {
    need_packages "${build_packages[@]}" "${cpp_test_packages[@]}" clang-tidy
    configure_preset dev
    if (($#)); then printf '%s\0' "$@"; else find cpp/incm -name '*.cpp' -print0; fi |
        xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/dev --warnings-as-errors='*' 2>/dev/null
}

lint_ruff() {
    setup_tools
    "$bin/ruff" check --quiet "${@-.}"
    "$bin/ruff" format --check --quiet "${@-.}"
}

# mypy checks the whole program, because types depend on other files.
lint_mypy() {
    setup_tools
    "$bin/mypy" python plugins
    "$bin/mypy" tests tools bench packaging  # separately: plugins and tests/plugins would be the same module
}

lint() {
    local part=${1-}
    shift || true
    case $part in
        clang-format | clang-tidy | ruff | mypy) "lint_${part//-/_}" "$@" ;;
        '')
            lint_clang_format
            lint_ruff
            lint_mypy
            lint_clang_tidy
            say "lint: no findings"
            ;;
        *) wrong_usage ;;
    esac
}

format() {
    need_packages clang-format
    setup_tools
    cpp_files | xargs clang-format -i
    "$bin/ruff" check --fix --quiet . || true
    "$bin/ruff" format --quiet .
}
