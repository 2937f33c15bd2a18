import Foundation
import GraphRuntime

/// Turns Ctrl-C and SIGTERM into a request to stop.
///
/// The step under way is finished, its state is saved where results are kept, then the run ends. A
/// second signal ends the program at once.
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
    // A parent process may have blocked these signals.
    var stops = sigset_t()
    sigemptyset(&stops)
    sigaddset(&stops, SIGINT)
    sigaddset(&stops, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    // A write to a closed pipe should fail with an error, and not end the process.
    signal(SIGPIPE, SIG_IGN)
    // The same holds for a file that exceeds the user's limit.
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Asks to stop when some time has passed.
  ///
  /// - Parameter seconds: How long to wait.
  static func stop(after seconds: Double) {
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: seconds)
      token.cancel(.timeLimit)
    }
  }
}
