import ResgraphFiles
import Testing

@Suite("JSON")
struct JSONValueTests {
  @Test("values of every kind are read")
  func everyKind() throws {
    let text = #"{"a":[1,-2.5,1e3,true,false,null],"b":"x\n\u00e9\ud83d\ude00\/","c":{},"d":[]}"#
    let value = try JSONValue.parse(text)
    #expect(value["a"] == [1, -2.5, 1000, true, false, nil])
    #expect(value.string("b") == "x\n\u{e9}\u{1F600}/")
    #expect(value["c"] == [:])
    #expect(value["d"] == [])
  }

  @Test("integers stay exact and compare with doubles by value")
  func integers() throws {
    let value = try JSONValue.parse("[9007199254740993, 9223372036854775807, 3, 3.0]")
    #expect(value.arrayValue?[0].intValue == 9_007_199_254_740_993)
    #expect(value.arrayValue?[1].intValue == .max)
    #expect(value.arrayValue?[2] == value.arrayValue?[3])
    #expect(JSONValue.integer(9_007_199_254_740_993) != JSONValue.number(9_007_199_254_740_992))
  }

  @Test("huge integers are doubles in configs and refused in headers")
  func hugeIntegers() throws {
    let text = "1000000000000000019884624838656"
    #expect(try JSONValue.parse(text) == .number(1e30))
    #expect(throws: JSONError.self) { try JSONValue.parse(text, limits: .weightHeader) }
  }

  @Test("Python's non-finite numbers are read in configs only")
  func nonFinite() throws {
    #expect(try JSONValue.parse(#"{"x":-Infinity}"#).double("x") == -.infinity)
    #expect(try JSONValue.parse("NaN").doubleValue?.isNaN == true)
    for text in ["NaN", "Infinity", "-Infinity"] {
      #expect(throws: JSONError.self) { try JSONValue.parse(text, limits: .weightHeader) }
    }
  }

  @Test(
    "malformed texts are refused",
    arguments: [
      "", " ", "{", "[", "\"", "{]", "[}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}",
      "{'a':1}", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "tru", "nul", "True", "None",
      "1 2", "{} x", "[1 2]", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\ud800\"",
      "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\"\\", "1e999", "// c\n1", "[1]//",
      "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "\u{FEFF}1", "-Inf",
    ])
  func malformed(text: String) {
    #expect(throws: JSONError.self) { try JSONValue.parse(text) }
  }

  @Test("bytes that are not UTF-8 are refused")
  func invalidUTF8() {
    for bytes: [UInt8] in [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
    ] {
      bytes.withUnsafeBytes { text -> Void in
        #expect(throws: JSONError.self) { try JSONValue.parse(text) }
      }
    }
  }

  @Test("depth, length and count are limited")
  func limits() {
    let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(throws: JSONError.self) { try JSONValue.parse(deep) }
    #expect(throws: JSONError.self) {
      try JSONValue.parse(String(repeating: "[", count: 1_000_000))
    }
    var few = JSONLimits.standard
    few.values = 10
    #expect(throws: JSONError.self) {
      try JSONValue.parse("[0,0,0,0,0,0,0,0,0,0]", limits: few)
    }
    few.byteCount = 3
    #expect(throws: JSONError.self) { try JSONValue.parse("1234", limits: few) }
  }

  @Test("the canonical text is sorted, compact and reads back")
  func canonical() throws {
    let value: JSONValue = ["b": [1, 2.5, nil], "a": "q\"\\\n\u{1}", "aa": 3.0, "B": true]
    let text = value.canonicalText()
    #expect(text == #"{"B":true,"a":"q\"\\\n\u0001","aa":3,"b":[1,2.5,null]}"#)
    #expect(try JSONValue.parse(text) == value)
  }

  @Test("list getters want one type throughout")
  func lists() throws {
    let value = try JSONValue.parse(#"{"a":[1,2],"b":[1,"x"],"c":["x"]}"#)
    #expect(value.ints("a") == [1, 2])
    #expect(value.ints("b") == nil)
    #expect(value.strings("c") == ["x"])
    #expect(value.doubles("a") == [1, 2])
    #expect(value.int("a") == nil)
  }
}
