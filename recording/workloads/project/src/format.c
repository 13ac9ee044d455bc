#include <stdio.h>

#include "tally.h"

void tally_print(const char *name, double value)
{
    printf("%s %g\n", name, value);
}
