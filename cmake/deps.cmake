# Every library Godwit links, all of them Debian 12 packages (tools/install-deps installs them).
find_package(PkgConfig REQUIRED)
foreach(dep libbpf libuv libmnl libfyaml libyang jansson libcrypto libssl lmdb libpcap cmocka
            libcap-ng libseccomp libcurl libmicrohttpd)
    string(TOUPPER ${dep} name)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${dep})
endforeach()
find_program(BPFTOOL bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)
find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
