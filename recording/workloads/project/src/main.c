#include "tally.h"

int main(int argc, char **argv)
{
    struct tally tally;

    if (tally_parse(&tally, argc - 1, argv + 1) != 0)
        return 2;
    tally_print("sum", tally_sum(&tally));
    tally_print("mean", tally_mean(&tally));
    tally_print("largest", tally_largest(&tally));
    return 0;
}
