/*
 * What the recorded intrusions drop and run: it looks around as an intruder's tool would.
 *
 *     dropped REPORT         look around from the background, write what it saw to REPORT
 *     dropped REPORT PORT    and send it to 127.0.0.1:PORT as well
 *
 * It only reads, but for the file REPORT; it speaks to loopback alone; and it ends by itself.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ENTRIES = 300, BUFFER = 4096 };

static int count_entries(const char *folder)
{
    DIR *directory = opendir(folder);
    int entries = 0;

    if (directory == NULL)
        return -1;
    while (entries < MOST_ENTRIES && readdir(directory) != NULL)
        entries++;
    closedir(directory);
    return entries;
}

static long count_bytes(const char *path)
{
    char buffer[BUFFER];
    int file = open(path, O_RDONLY);
    ssize_t got;

    if (file < 0)
        return -1;
    got = read(file, buffer, sizeof buffer);
    close(file);
    return got;
}

static int send_report(const char *text, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    char reply[64];
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    if (send(peer, text, strlen(text), 0) < 0 || recv(peer, reply, sizeof reply, 0) < 0)
        return -1;
    return close(peer);
}

static int look_around(const char *report, int port)
{
    const struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
    const char *home = getenv("HOME");
    char path[BUFFER], text[BUFFER];
    FILE *file;

    nanosleep(&pause, NULL);
    snprintf(path, sizeof path, "%s/.ssh/id_ed25519", home);
    snprintf(text, sizeof text, "report: etc %d, home %d, passwd %ld, key %ld\n",
             count_entries("/etc"), count_entries(home), count_bytes("/etc/passwd"),
             count_bytes(path));
    if (port > 0 && send_report(text, port) != 0)
        return 1;
    /* Under its final name the report is complete. */
    snprintf(path, sizeof path, "%s.part", report);
    file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        return 1;
    return rename(path, report) != 0;
}

int main(int argc, char **argv)
{
    pid_t child;

    if (argc < 2 || getenv("HOME") == NULL)
        return 2;
    child = fork();
    if (child != 0)
        return child < 0;
    setsid();
    return look_around(argv[1], argc > 2 ? atoi(argv[2]) : 0);
}
