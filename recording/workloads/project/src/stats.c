#include "tally.h"

double tally_sum(const struct tally *tally)
{
    double sum = 0;

    for (int i = 0; i < tally->count; i++)
        sum += tally->values[i];
    return sum;
}

double tally_mean(const struct tally *tally)
{
    return tally_sum(tally) / tally->count;
}

double tally_largest(const struct tally *tally)
{
    double largest = tally->values[0];

    for (int i = 1; i < tally->count; i++)
        if (tally->values[i] > largest)
            largest = tally->values[i];
    return largest;
}
