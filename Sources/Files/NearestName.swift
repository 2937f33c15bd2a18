/// Finds the name that a mistyped one was most likely meant to be.
///
/// - Parameters:
///   - name: The name as typed.
///   - candidates: The names there are.
/// - Returns: The nearest candidate by edit distance (ignoring case), nil when none is near.
package func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  guard name.utf8.count <= 100 else { return nil }
  let typed = Array(name.lowercased().unicodeScalars)
  let allowed = max(1, min(3, typed.count / 3))
  var best: (name: String, distance: Int)?
  // A graph of thousands of nodes was written by a program, which does not mistype names.
  for candidate in candidates.prefix(2000) where candidate.utf8.count <= 100 {
    let letters = Array(candidate.lowercased().unicodeScalars)
    guard abs(letters.count - typed.count) <= allowed else { continue }
    let distance = editDistance(typed, letters)
    guard distance <= allowed else { continue }
    if let current = best, (current.distance, current.name) <= (distance, candidate) { continue }
    best = (candidate, distance)
  }
  return best?.name
}

/// The hint that goes with a mistyped name.
///
/// - Parameters:
///   - name: The name as typed.
///   - candidates: The names there are.
/// - Returns: "did you mean `x`?", nil when no candidate is near.
package func didYouMean(_ name: String, among candidates: some Sequence<String>) -> String? {
  nearestName(to: name, among: candidates).map { "did you mean `\($0)`?" }
}

/// Counts insertions, deletions, replacements and swaps of neighbours between two names.
private func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 1...a.count {
    var row = [i] + [Int](repeating: 0, count: b.count)
    for j in 1...b.count {
      let cost = a[i - 1] == b[j - 1] ? 0 : 1
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        row[j] = min(row[j], beforeLast[j - 2] + 1)
      }
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
