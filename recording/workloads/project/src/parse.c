#include "tally.h"

double strtod(const char *text, char **end);

int tally_parse(struct tally *tally, int words, char **word)
{
    tally->count = 0;
    if (words < 1 || words > TALLY_MOST)
        return -1;
    for (int i = 0; i < words; i++) {
        char *end;
        tally->values[i] = strtod(word[i], &end);
        if (end == word[i] || *end != '\0')
            return -1;
        tally->count++;
    }
    return 0;
}
