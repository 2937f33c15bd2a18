/// Makes the values of one kind of tree while `JSONParser` reads a text.
package protocol JSONBuilder {
  /// A value of the tree.
  associatedtype Value
  /// The members of an object that is being read.
  associatedtype Members
  /// A place in the text, in whatever form the tree wants it.
  associatedtype Place

  /// Turns a byte offset into a place. The offsets of one text never fall.
  mutating func place(_ offset: Int) -> Place
  /// Makes a value that holds no others.
  mutating func scalar(
    _ scalar: JSONScalar, from start: Place, to end: Place
  ) throws(JSONError) -> Value
  /// Makes an array.
  mutating func array(_ elements: [Value], from start: Place, to end: Place) -> Value
  /// Begins an object.
  mutating func members() -> Members
  /// Adds a member; the places are those of its name.
  mutating func add(
    _ value: Value, named name: String, from start: Place, to end: Place, to members: inout Members
  ) throws(JSONError)
  /// Makes an object.
  mutating func object(_ members: Members, from start: Place, to end: Place) -> Value
}

/// A value of a JSON text that holds no others.
package enum JSONScalar {
  case null
  case bool(Bool)
  case string(String)
  /// A number as it is written, which begins at a byte offset of the text.
  case number(String, isInteger: Bool, offset: Int)
  /// Python's `NaN`, `Infinity` or `-Infinity`.
  case nonFinite(Double)
}
