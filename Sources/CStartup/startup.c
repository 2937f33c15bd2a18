// Keeps OpenBLAS from starting threads of its own.
//
// The library starts one thread per processor while the program is loaded, before anything could
// ask it not to. This engine calls it from threads of its own and never uses them; where memory is
// limited, each waits for ever for a buffer of 128 MB and the process cannot end. The library counts
// the processors that the process may use, so it is shown one of them; before the program's own
// code runs, the process has all of them back. (The variable OPENBLAS_NUM_THREADS cannot be set
// here: the C library takes the environment later.)
#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>

// Volatile, because compilers take it that nothing runs before a constructor, and would settle the
// value that `widen` reads when they compile it.
static volatile int narrowed;
static cpu_set_t allowed;

static void narrow(void) {
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    narrowed = sched_setaffinity(0, sizeof one, &one) == 0;
    return;
  }
}

// These functions run before the constructors of libraries, and only those of an executable do.
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) =
    narrow;

// The executable's constructors run after those of the libraries.
__attribute__((constructor)) static void widen(void) {
  if (narrowed) sched_setaffinity(0, sizeof allowed, &allowed);
}
#endif
