import Testing

@testable import ResgraphWeights

/// Small torch files that ask for much memory: the copies they cause count against the limits.
@Suite("Small torch files that unfold to much")
struct TorchBombTests {
  /// `OrderedDict(pairs)`, called again and again on one remembered list of pairs.
  private func orderedDictionaries(pairs: Int, calls: Int) -> [UInt8] {
    var pickle = TestPickle()
    pickle.bytes += [UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "(")]
    for _ in 0..<pairs { pickle.bytes += [UInt8(ascii: "N"), UInt8(ascii: "N"), 0x86] }
    pickle.bytes.append(UInt8(ascii: "e"))
    var body = pickle.bytes
    // A tuple of the list alone is remembered as the arguments of every call.
    body += [0x85, UInt8(ascii: "q"), 1]
    for _ in 0..<calls {
      body += [UInt8(ascii: "c")] + Array("collections\nOrderedDict\n".utf8)
      body += [UInt8(ascii: "h"), 1, UInt8(ascii: "R"), 0x85]
    }
    return body + [UInt8(ascii: ".")]
  }

  private func fault(of pickle: [UInt8]) -> String? {
    do {
      _ = try pickle.withUnsafeBytes { try PickleReader.read($0) }
      return nil
    } catch {
      return (error as? PickleFault)?.reason
    }
  }

  @Test func copiesOfAListCountAgainstTheLimit() {
    let bomb = orderedDictionaries(pairs: 5_000, calls: 200)
    #expect(fault(of: bomb)?.contains("more than 1000000 values") == true)
    // The same list copied seldom enough is no bomb; the stack is what is wrong with it.
    let small = orderedDictionaries(pairs: 10, calls: 2)
    #expect(fault(of: small)?.contains("more than") != true)
  }

  @Test func namesThatRepeatALongOneCountAgainstTheLimit() throws {
    func file(outer: Int, inner: Int) -> [UInt8] {
      TestPickle.archive(
        {
          var pickle = TestPickle()
          pickle.dictionary { top in
            top.item(String(repeating: "x", count: outer)) { value in
              value.dictionary { names in
                for index in 0..<inner { names.item("\(index)") { $0.int(1) } }
              }
            }
          }
          return pickle.finished
        }())
    }
    let error = #expect(throws: WeightError.self) {
      try TorchFile(bytes: file(outer: 40_000, inner: 1_000))
    }
    #expect(error.map { "\($0)" }?.contains("MiB of names") == true)
    #expect(try TorchFile(bytes: file(outer: 400, inner: 1_000)).keys.isEmpty)
  }

  @Test func countsOfExpandedTensorsDoNotOverflow() throws {
    var pickle = TestPickle()
    pickle.dictionary { top in
      for name in ["a", "b", "c", "d", "e"] {
        top.item(name) {
          $0.tensor(
            type: "ByteStorage", count: 8, shape: [1 << 31, 1 << 30], strides: [0, 0])
        }
      }
    }
    let file = try TorchFile(bytes: TestPickle.archive(pickle.finished))
    #expect(file.keys.count == 5)
    #expect(WeightDescription.parameterCount(of: [file]) == .max)
  }
}
