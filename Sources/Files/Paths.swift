#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Joins a folder and a relative path.
///
/// - Parameters:
///   - folder: The folder; empty or `.` is the current one.
///   - path: A path; an absolute one is returned as it is.
/// - Returns: The joined path, without a leading `./`.
package func joinPath(_ folder: String, _ path: String) -> String {
  if path.hasPrefix("/") || folder.isEmpty || folder == "." { return path }
  return folder.hasSuffix("/") ? folder + path : folder + "/" + path
}

/// The folder part of a path.
///
/// - Parameter path: Any path.
/// - Returns: The folder, `.` when the path has none.
package func folderName(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last component of a path.
///
/// - Parameter path: Any path; slashes at its end do not count.
/// - Returns: The component, the path itself when it has none.
package func fileName(of path: String) -> String {
  path.split(separator: "/").last.map(String.init) ?? path
}

/// Finds the path from one folder to another.
///
/// - Parameters:
///   - start: A folder, absolute or relative to the working directory.
///   - end: Another.
/// - Returns: The path that leads from the first to the second, `.` when they are the same.
package func relativePath(from start: String, to end: String) -> String {
  let first = absoluteComponents(start)
  let last = absoluteComponents(end)
  let shared = zip(first, last).prefix { $0 == $1 }.count
  let steps = Array(repeating: "..", count: first.count - shared) + last[shared...]
  return steps.isEmpty ? "." : steps.joined(separator: "/")
}

/// The path of a file or folder whose parent folders are no links and need not exist.
///
/// What follows a link on the way up, as in `out/../graphs`, is found by the system from the link's
/// end; relative paths must therefore be worked out between real folders.
///
/// - Parameter path: Any path.
/// - Returns: An absolute path to the same place; its own last component may be a link.
package func pathWithoutLinkedFolders(_ path: String) -> String {
  let whole = path.hasPrefix("/") ? path : joinPath(workingDirectory(), path)
  let last = fileName(of: whole)
  if whole.allSatisfy({ $0 == "/" }) { return "/" }
  if last == "." || last == ".." { return realFolder(whole) }
  var parent = whole[...]
  while parent.hasSuffix("/") { parent.removeLast() }
  parent.removeLast(last.count)
  let folder = realFolder(parent.isEmpty ? "/" : String(parent))
  return folder == "/" ? "/" + last : folder + "/" + last
}

/// A folder's path without links, as far as it exists.
///
/// - Parameter path: The folder.
/// - Returns: An absolute path.
package func realFolder(_ path: String) -> String {
  guard let found = realpath(path, nil) else {
    let parent = folderName(of: path)
    return parent == path ? path : pathWithoutLinkedFolders(path)
  }
  defer { free(found) }
  return String(cString: found)
}

/// The components of a path from the root on, without `.` and `..`; links are not followed.
private func absoluteComponents(_ path: String) -> [String] {
  let whole = path.hasPrefix("/") ? path : joinPath(workingDirectory(), path)
  var result: [String] = []
  for component in whole.split(separator: "/") where component != "." {
    if component == ".." { _ = result.popLast() } else { result.append(String(component)) }
  }
  return result
}

private func workingDirectory() -> String {
  guard let path = getcwd(nil, 0) else { return "/" }
  defer { free(path) }
  return String(cString: path)
}
