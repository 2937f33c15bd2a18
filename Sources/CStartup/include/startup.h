#ifndef RESGRAPH_STARTUP_H
#define RESGRAPH_STARTUP_H

/// Ends the process with a message and exit code 74 when a mapped file is read that somebody has
/// shortened, which the system answers with the signal SIGBUS. Elsewhere than on Linux it does nothing.
void startup_report_shortened_files(void);

#endif
