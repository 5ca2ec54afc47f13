# ./dev test, ./dev fuzz and ./dev tsan.
# shellcheck shell=bash

# The parts of ./dev test, in the order of its help.
readonly test_parts=(unit cpp asan plugins e2e observability conformance package fuzz flood crash cost)
readonly test_logs=build/test

run_ctest() {
    local preset=$1
    shift
    build_preset "$preset"
    (cd cpp && ctest --preset "$preset" -j "$(nproc)" "$@")
}

run_part() {
    local part=$1
    shift
    case $part in
        cpp) run_ctest dev "$@" ;;
        asan) run_ctest asan "$@" ;;
        fuzz)
            build_fuzzers
            fuzz_shortly
            ;;
        # These tests are independent of each other, so they run in parallel.
        unit | plugins | e2e | conformance | package)
            "$bin/python" -m pytest -q -n "$(nproc)" --dist worksteal "tests/$part" "$@"
            ;;
        flood | crash | cost | observability) "$bin/python" -m pytest "tests/$part" "$@" ;;
    esac
}

# Prints the result of a part, its output if it failed, and its skipped tests if it passed.
report_part() {
    local part=$1 seconds=$2 failed=$3 log=$test_logs/$1.log
    if ((failed)); then
        say "$part: FAILED after $seconds s, in $log:"
        cat "$log" >&2
    else
        say "$part: passed in $seconds s: $(tail -n 1 "$log")"
        grep -E '^(SKIPPED|XFAIL)' "$log" >&2 || true
    fi
}

# Runs each part in a ./dev of its own, with its output in a log. The parts do not run in parallel,
# because builds would slow down processes that tests wait for, until deadlines of the product pass.
test_everything() {
    need_packages "${build_packages[@]}" "${test_packages[@]}" "${plugin_test_packages[@]}" \
        "${observability_packages[@]}" "${fuzz_packages[@]}"
    need_fuzzer_runtime
    setup
    mkdir -p "$test_logs"
    rm -f "$test_logs"/*.log
    say "the output of the parts goes to $test_logs"
    local part began failed any=0
    for part in "${test_parts[@]}"; do
        began=$SECONDS failed=0
        ./dev test "$part" >"$test_logs/$part.log" 2>&1 || failed=1 any=1
        report_part "$part" $((SECONDS - began)) "$failed"
    done
    ((!any)) || die "some tests failed, see above"
    say "every test passed"
}

run_tests() {
    local part=${1-}
    shift || true
    case $part in
        '') test_everything ;;
        cpp | asan)
            need_packages "${build_packages[@]}" "${test_packages[@]}"
            run_part "$part" "$@"
            ;;
        fuzz) run_part fuzz "$@" ;;
        plugins)
            need_packages "${build_packages[@]}" "${test_packages[@]}" "${plugin_test_packages[@]}"
            setup
            run_part plugins "$@"
            ;;
        observability)
            need_packages "${build_packages[@]}" "${observability_packages[@]}"
            setup
            run_part observability "$@"
            ;;
        unit | e2e | conformance | package | flood | crash | cost)
            need_packages "${build_packages[@]}" "${test_packages[@]}"
            setup
            run_part "$part" "$@"
            ;;
        *)
            say "no part of the tests is called $part; the parts are: ${test_parts[*]}"
            wrong_usage
            ;;
    esac
}

need_fuzzer_runtime() {
    # Debian's clang only recommends this package, which has libFuzzer and the sanitizers.
    need_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
}

build_fuzzers() {
    need_packages "${build_packages[@]}" "${fuzz_packages[@]}"
    need_fuzzer_runtime
    build_preset fuzz
}

fuzz_targets() { basename -s .cpp -a tests/fuzz/fuzz_*.cpp; }

# Runs one target over its seeds, with options of libFuzzer and a folder for new inputs.
run_fuzzer() {
    local target=$1
    shift
    "build/fuzz/fuzz/$target" -artifact_prefix="var/fuzz/$target-" -max_len=20000 -timeout=10 "$@" \
        "tests/fuzz/seeds/$target"
}

# Runs few inputs for one target, which takes little enough time for CI.
fuzz_one_shortly() {
    local target=$1 new=var/fuzz/new/$1 log=var/fuzz/$1.log
    rm -rf "$new"
    mkdir -p "$new"
    run_fuzzer "$target" -runs=30000 -seed=1 "$new" >"$log" 2>&1 || {
        cat "$log" >&2
        die "$target has found a fault: the input is in var/fuzz"
    }
}

fuzz_shortly() {
    local target pid pids=() failed=0
    for target in $(fuzz_targets); do
        fuzz_one_shortly "$target" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

fuzz() {
    build_fuzzers
    local target seconds=${2-60}
    for target in ${1-$(fuzz_targets)}; do
        [[ -f tests/fuzz/$target.cpp ]] || die "no target is called $target; the targets are: $(fuzz_targets | xargs)"
        say "fuzzing $target for $seconds s"
        mkdir -p "var/fuzz/$target"
        run_fuzzer "$target" -max_total_time="$seconds" "var/fuzz/$target"
    done
}

tsan() {
    need_packages "${build_packages[@]}" "${test_packages[@]}"
    run_ctest tsan
    say "starting and stopping under load"
    TSAN_OPTIONS=halt_on_error=1 build/tsan/tests/incm_tests --gtest_filter='StartStopTest.*' \
        --gtest_repeat="${1-200}" --gtest_brief=1
}
