# Compiler and linker options common to every C target. BPF objects have their own (src/plane).
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -fno-strict-aliasing -fstack-protector-strong)
add_compile_definitions(_GNU_SOURCE)
if(GODWIT_WERROR)
    add_compile_options(-Werror)
endif()
if(GODWIT_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
    add_compile_definitions(GODWIT_SANITIZE) # the sandbox lets the search for leaks work
endif()
if(GODWIT_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
