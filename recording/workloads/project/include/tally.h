#ifndef TALLY_H
#define TALLY_H

#define TALLY_MOST 64

struct tally {
    double values[TALLY_MOST];
    int count;
};

int tally_parse(struct tally *tally, int words, char **word);
double tally_sum(const struct tally *tally);
double tally_mean(const struct tally *tally);
double tally_largest(const struct tally *tally);
void tally_print(const char *name, double value);

#endif
