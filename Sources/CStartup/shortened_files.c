#include "startup.h"

#if defined(__linux__)
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_IO = 74 };

static void say(const char *text, size_t count) {
  ssize_t written = write(2, text, count);
  (void)written;
}

/// Reads a hexadecimal number and moves behind it.
static uintptr_t number(const char **text) {
  uintptr_t value = 0;
  for (;; (*text)++) {
    char digit = **text;
    if (digit >= '0' && digit <= '9') value = value * 16 + (uintptr_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f') value = value * 16 + (uintptr_t)(digit - 'a' + 10);
    else return value;
  }
}

/// Whether a line of /proc/self/maps, `begin-end rights ... path`, holds the address.
static int holds(const char *line, uintptr_t address) {
  uintptr_t begin = number(&line);
  if (*line++ != '-') return 0;
  return address >= begin && address < number(&line);
}

/// Writes the path of the file that is mapped at an address. Nothing here allocates memory or takes
/// a lock, which a signal handler must not do.
static void say_file(uintptr_t address) {
  static char line[4400];
  size_t length = 0;
  char piece[512];
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  ssize_t count;
  while (maps >= 0 && (count = read(maps, piece, sizeof piece)) > 0) {
    for (ssize_t index = 0; index < count; index++) {
      if (piece[index] != '\n') {
        if (length < sizeof line - 1) line[length++] = piece[index];
        continue;
      }
      line[length] = 0;
      length = 0;
      const char *path = strchr(line, '/');
      if (path == NULL || !holds(line, address)) continue;
      say(path, strlen(path));
      return;
    }
  }
  static const char unknown[] = "a file";
  say(unknown, sizeof unknown - 1);
}

static void report(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  static const char before[] = "error: cannot read ";
  static const char after[] = ": it was shortened while it was read\n";
  say(before, sizeof before - 1);
  say_file((uintptr_t)info->si_addr);
  say(after, sizeof after - 1);
  _exit(EXIT_IO);
}

void startup_report_shortened_files(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = report;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, NULL);
}
#else
void startup_report_shortened_files(void) {}
#endif
