/* main.c: runs both groups. */
#include "rig.h"

int main(void)
{
    int failed = access_send_tests();
    return failed + access_hear_tests();
}
