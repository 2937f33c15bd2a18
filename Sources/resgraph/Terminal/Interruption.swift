import Foundation
import GraphRuntime

/// Turns Ctrl-C and SIGTERM into a request to stop.
///
/// The step under way is finished, then the run ends. A second signal ends the program at once.
enum Interruption {
  /// Asked to stop by a signal.
  static let token = CancellationToken()

  /// Starts listening.
  static func install() {
    // Making the token allocates memory, which a signal handler must not do: it is made now.
    _ = token.reason
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        if Interruption.token.reason != nil { _exit(128 + number) }
        Interruption.token.cancel(number == SIGTERM ? .terminate : .interrupt)
      }
      sigaction(number, &action, nil)
    }
    // A parent may have started this process with the signals held back.
    var stops = sigset_t()
    sigemptyset(&stops)
    sigaddset(&stops, SIGINT)
    sigaddset(&stops, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    // A closed pipe is an error of writing, not a reason to die.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that outgrows the user's limit.
    signal(SIGXFSZ, SIG_IGN)
  }
}
