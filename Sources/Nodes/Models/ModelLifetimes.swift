import GraphRuntime
import Synchronization

/// Frees models after the last node of a run that computes with them.
final class ModelLifetimes: Sendable {
  private let store: ModelStore
  private let users: Mutex<[String: Set<String>]>

  /// Counts the users of every model in a plan.
  ///
  /// - Parameters:
  ///   - plan: What is about to run.
  ///   - store: Where its models are.
  init(_ plan: Plan, store: ModelStore) {
    self.store = store
    var users: [String: Set<String>] = [:]
    for step in plan.steps where step.runs {
      let sources = step.node.schema.inputs.flatMap { step.node.bindings[$0.name]?.sources ?? [] }
      for source in sources {
        let value = plan.graph.prospect(node: source.node, port: source.port)
        for identity in (value as? any ModelRecipe)?.modelIdentities ?? [] {
          users[identity, default: []].insert(step.node.id)
        }
      }
    }
    self.users = Mutex(users)
  }

  /// Frees the models that only this node still needed.
  ///
  /// - Parameter node: The node's name.
  func finish(node: String) {
    let free = users.withLock { users in
      let touched = users.filter { $0.value.contains(node) }.map(\.key)
      for identity in touched { users[identity]?.remove(node) }
      return touched.filter { users[$0]?.isEmpty == true }
    }
    for identity in free { store.remove(identity: identity) }
  }
}

/// A value from which the store makes models.
protocol ModelRecipe: PortValue {
  /// The identities of the models in the store. They are equal for recipes that give equal models
  /// in this process.
  var modelIdentities: [String] { get }
}

extension UNetRecipe: ModelRecipe {
  /// The denoiser, and the models of its image prompts.
  var modelIdentities: [String] {
    [identity] + imagePrompts.flatMap { [$0.encoder.identity, $0.identity(on: self)] }
  }
}

extension TextEncoderRecipe: ModelRecipe {
  var modelIdentities: [String] { [identity] }
}

extension VAERecipe: ModelRecipe {
  var modelIdentities: [String] { [identity] }
}

extension ControlValue: ModelRecipe {
  var modelIdentities: [String] { [recipe.identity] }
}
