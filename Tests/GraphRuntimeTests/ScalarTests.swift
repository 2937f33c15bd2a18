import Testing

@testable import GraphRuntime

@Suite("YAML 1.2 core scalars")
struct ScalarTests {
  static let cases: [(String, Literal)] = [
    ("", .null), ("~", .null), ("null", .null), ("NULL", .null), ("nULL", .string("nULL")),
    ("true", .bool(true)), ("False", .bool(false)), ("tRUE", .string("tRUE")),
    ("yes", .string("yes")), ("no", .string("no")), ("on", .string("on")), ("Off", .string("Off")),
    ("y", .string("y")), ("12:30", .string("12:30")), ("1_000", .string("1_000")),
    ("2001-01-01", .string("2001-01-01")), ("0", .int(0)), ("-0", .int(0)), ("+7", .int(7)),
    ("007", .int(7)), ("0o17", .int(15)), ("0o18", .string("0o18")), ("0x1F", .int(31)),
    ("0xZZ", .string("0xZZ")), ("-0x1F", .string("-0x1F")), ("0b11", .string("0b11")),
    ("18446744073709551615", .int(18_446_744_073_709_551_615)),
    ("1.0", .float(1)), ("1.", .float(1)), (".5", .float(0.5)), ("-.5", .float(-0.5)),
    ("1e3", .float(1000)), ("1E-3", .float(0.001)), ("+1.5e+2", .float(150)),
    (".", .string(".")), ("-", .string("-")), ("+", .string("+")), ("1e", .string("1e")),
    ("e3", .string("e3")), (".e3", .string(".e3")), ("1.2.3", .string("1.2.3")),
    (".inf", .float(.infinity)), ("-.INF", .float(-.infinity)), ("+.Inf", .float(.infinity)),
    ("inf", .string("inf")), ("nan", .string("nan")), ("infinity", .string("infinity")),
    ("0x", .string("0x")), ("0o", .string("0o")), ("1,000", .string("1,000")),
    ("٣", .string("٣")), ("-a", .string("-a")), ("1 2", .string("1 2")),
  ]

  @Test(arguments: cases) func resolves(_ text: String, _ expected: Literal) {
    #expect(ScalarResolution.resolve(text) == expected)
  }

  @Test func notANumber() {
    guard case .float(let value)? = ScalarResolution.resolve(".nan") else {
      Issue.record("no float")
      return
    }
    #expect(value.isNaN)
  }

  @Test func refusesNumbersBeyondAnyUse() {
    #expect(ScalarResolution.resolve(String(repeating: "9", count: 60)) == nil)
  }

  @Test func quotedScalarsAreTexts() throws {
    let text = "{a: \"1\", b: 'true', c: !!str 1, d: 1}"
    let root = try #require(DocumentText.read(Array(text.utf8), file: "t").root)
    #expect(root.value("a")?.literal == .string("1"))
    #expect(root.value("b")?.literal == .string("true"))
    #expect(root.value("c")?.literal == .string("1"))
    #expect(root.value("d")?.literal == .int(1))
  }
}
