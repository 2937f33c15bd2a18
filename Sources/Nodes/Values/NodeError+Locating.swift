import GraphRuntime

extension NodeError {
  /// Adds a port to errors that do not name one.
  static func locating<Result>(_ port: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as NodeError {
      throw error
    } catch let error as RunCancelled {
      throw error
    } catch {
      throw NodeError(
        String(describing: error), port: port, status: (error as? any ExitStatusError)?.exitStatus)
    }
  }
}
