# Writes the text file INPUT as the array NAME of characters into OUTPUT, ending in a NUL.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," octets "${hex}")
string(REGEX REPLACE "(0x0a,)" "\\1\n    " octets "${octets}")
file(WRITE ${OUTPUT} "/* Generated from a text file; do not edit. */
extern const char ${NAME}[];
const char ${NAME}[] = {
    ${octets}0};
")
