public import GraphRuntime
import Synchronization

/// Lets models go when the last node of a run that computes with them is done.
public final class ModelLifetimes: Sendable {
  private let store: ModelStore
  private let users: Mutex<[String: Set<String>]>

  /// Counts the users of every model in a plan.
  ///
  /// - Parameters:
  ///   - plan: What is about to run.
  ///   - store: Where its models are.
  public init(_ plan: Plan, store: ModelStore) {
    self.store = store
    var users: [String: Set<String>] = [:]
    for step in plan.steps where step.runs {
      let sources = step.node.schema.inputs.flatMap { step.node.bindings[$0.name]?.sources ?? [] }
      for source in sources {
        let value = plan.graph.value(node: source.node, port: source.port)
        if let identity = (value as? any ModelRecipe)?.identity {
          users[identity, default: []].insert(step.node.id)
        }
      }
    }
    self.users = Mutex(users)
  }

  /// Takes note that a node has no more use for its models.
  ///
  /// - Parameter node: The node's name.
  public func finish(node: String) {
    let free = users.withLock { users in
      let touched = users.filter { $0.value.contains(node) }.map(\.key)
      for identity in touched { users[identity]?.remove(node) }
      return touched.filter { users[$0]?.isEmpty == true }
    }
    for identity in free { store.remove(identity: identity) }
  }
}

/// A value from which the store makes a model.
protocol ModelRecipe: PortValue {
  /// Equal for recipes that give equal models in this process.
  var identity: String { get }
}

extension UNetRecipe: ModelRecipe {}
extension TextEncoderRecipe: ModelRecipe {}
extension VAERecipe: ModelRecipe {}
