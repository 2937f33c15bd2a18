import Foundation
import GraphRuntime
import Testing

/// Checks JSON against the few words of JSON Schema that the graph schema uses.
private struct SchemaChecker {
  let root: [String: Any]

  func accepts(_ value: Any, _ schema: Any) -> Bool {
    if let flag = schema as? Bool { return flag }
    guard let schema = schema as? [String: Any] else { return false }
    return schema.allSatisfy { check(value, $0.key, $0.value, schema) }
  }

  private func check(_ value: Any, _ word: String, _ rule: Any, _ schema: [String: Any]) -> Bool {
    switch word {
    case "$schema", "title", "description", "default", "$defs", "then": return true
    case "$ref":
      let name = (rule as? String ?? "").replacing("#/$defs/", with: "")
      guard let target = (root["$defs"] as? [String: Any])?[name] else { return false }
      return accepts(value, target)
    case "const": return (value as? NSObject) == (rule as? NSObject)
    case "enum": return (rule as? [NSObject])?.contains { $0 == value as? NSObject } ?? false
    case "type": return (rule as? [String] ?? [rule as? String ?? ""]).contains { has($0, value) }
    case "allOf": return (rule as? [Any] ?? []).allSatisfy { accepts(value, $0) }
    case "anyOf": return (rule as? [Any] ?? []).contains { accepts(value, $0) }
    case "oneOf": return (rule as? [Any] ?? []).count { accepts(value, $0) } == 1
    case "if": return !accepts(value, rule) || accepts(value, schema["then"] ?? true)
    case "minimum": return number(value) { $0 >= (rule as? Double ?? 0) }
    case "maximum": return number(value) { $0 <= (rule as? Double ?? 0) }
    case "multipleOf":
      return number(value) { $0.truncatingRemainder(dividingBy: rule as? Double ?? 1) == 0 }
    case "minItems": return (value as? [Any]).map { $0.count >= (rule as? Int ?? 0) } ?? true
    case "items": return (value as? [Any])?.allSatisfy { accepts($0, rule) } ?? true
    case "pattern":
      guard let text = value as? String, let pattern = rule as? String else { return true }
      return text.range(of: pattern, options: .regularExpression) != nil
    default: return checkObject(value, word, rule, schema)
    }
  }

  private func checkObject(
    _ value: Any, _ word: String, _ rule: Any, _ schema: [String: Any]
  ) -> Bool {
    guard let object = value as? [String: Any] else { return true }
    let properties = schema["properties"] as? [String: Any] ?? [:]
    switch word {
    case "required": return (rule as? [String] ?? []).allSatisfy { object[$0] != nil }
    case "minProperties": return object.count >= (rule as? Int ?? 0)
    case "propertyNames": return object.keys.allSatisfy { accepts($0, rule) }
    case "properties":
      return properties.allSatisfy { name, one in object[name].map { accepts($0, one) } ?? true }
    case "patternProperties": return true
    case "additionalProperties":
      let free = schema["patternProperties"] != nil
      return object.allSatisfy {
        properties[$0.key] != nil || free && $0.key.hasPrefix("x-") || accepts($0.value, rule)
      }
    default:
      Issue.record("the checker does not know `\(word)`")
      return false
    }
  }

  private func number(_ value: Any, _ test: (Double) -> Bool) -> Bool {
    (value as? Double).map(test) ?? true
  }

  private func has(_ type: String, _ value: Any) -> Bool {
    let isBool = (value as? NSNumber).map { isBoolean($0) } ?? false
    switch type {
    case "object": return value is [String: Any]
    case "array": return value is [Any]
    case "string": return value is String
    case "null": return value is NSNull
    case "boolean": return isBool
    case "number": return !isBool && value is NSNumber
    case "integer":
      return !isBool && (value as? Double).map { $0 == $0.rounded() } ?? false
    default: return false
    }
  }

  private func isBoolean(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c"
  }
}

@Suite("JSON Schema")
struct GraphSchemaTests {
  private func checker() throws -> SchemaChecker {
    let text = GraphSchema(catalog: try NodeCatalog(stubTypes)).text
    let json = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return SchemaChecker(root: try #require(json as? [String: Any]))
  }

  private func accepts(_ text: String) throws -> Bool {
    let checker = try checker()
    let graph = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return checker.accepts(graph, checker.root)
  }

  static let graph = """
    {"version": 1, "name": "g", "x-free": [1],
     "params": {"steps": {"type": "int", "default": 4, "min": 1}},
     "defaults": {"Sample": {"steps": "$params.steps"}},
     "nodes": {
       "base": {"type": "ModelLoad@1", "path": "a", "weight": 1.5, "note": "n", "x-a": 1},
       "one": {"type": "Constant", "value": 3},
       "draw": {"type": "Sample", "model": "$base.model", "start": "$one", "extras": ["$one"],
         "seed": "random", "method": "fancy", "prompt": "a ${params.steps}"},
       "all": {"type": "Everything", "width": 72, "amount": "$params.steps", "labels": ["a", "b"],
         "file": null}},
     "outputs": {"x": "$draw", "y": {"value": "$all.text2", "path": "p"}}}
    """

  @Test func acceptsAGraph() throws { #expect(try accepts(Self.graph)) }

  @Test(arguments: [
    ("\"version\": 1", "\"version\": 2"), ("\"x-free\"", "\"free\""),
    ("\"type\": \"int\"", "\"type\": \"num\""),
    ("\"min\": 1", "\"mim\": 1"), ("{\"Sample\": {\"steps\"", "{\"Sampel\": {\"steps\""),
    ("{\"steps\": \"$params", "{\"stps\": \"$params"), ("ModelLoad@1", "ModelLoad@2"),
    ("ModelLoad@1", "ModelLod"), ("\"weight\": 1.5", "\"weight\": 2.5"), ("\"x-a\"", "\"a\""),
    ("\"value\": 3", "\"value\": 3.5"), ("\"value\": 3", "\"value\": \"three\""),
    ("\"$base.model\"", "\"base.model\""), ("\"$base.model\"", "3"), ("[\"$one\"]", "[3]"),
    ("\"random\"", "-1"), ("\"fancy\"", "\"fanzy\""), ("\"width\": 72", "\"width\": 73"),
    ("\"width\": 72", "\"width\": 32"), ("[\"a\", \"b\"]", "[1]"),
    ("\"y\": {\"value\"", "\"y\": {\"valeu\""),
    ("\"x\": \"$draw\"", "\"x\": \"draw\""), ("\"draw\": {", "\"1draw\": {"),
    ("{\"type\": \"Constant\", ", "{"),
  ]) func refusesAMistake(_ change: (String, String)) throws {
    let changed = Self.graph.replacingOccurrences(of: change.0, with: change.1)
    #expect(changed != Self.graph)
    #expect(try !accepts(changed))
  }

  @Test func carriesDocumentationAndDefaults() throws {
    let text = GraphSchema(catalog: try NodeCatalog(stubTypes)).text
    #expect(text.hasPrefix("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"))
    #expect(text.contains("\"description\": \"int, 1 to 100 (3): Steps\""))
    #expect(text.contains("\"default\": 3"))
    #expect(text.contains("\"default\": \"plain\""))
  }
}
