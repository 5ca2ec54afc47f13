# ./dev bench.
# shellcheck shell=bash

install_peers() {
    say "installing the Python servers to compare with"
    "$bin/python" -m pip install -q --disable-pip-version-check -r bench/requirements.txt
}

bench() {
    need_packages "${build_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}"
    setup
    [[ " $* " == *" --quick "* ]] || once_for peers.stamp "$(hash_of bench/requirements.txt)" install_peers
    build_preset release
    "$bin/python" bench/run.py "$@"
}
