import Synchronization

/// The kernels a layer has made so far, one for each implementation that was ever chosen for it.
///
/// A kernel holds the layer's weights in its own packed form, so it is made at first use and kept.
final class KernelCache<Kernel: Sendable>: Sendable {
  private let kernels = Mutex<[String: Kernel]>([:])

  /// The kernel of that name, made now if need be; made once even when threads race.
  func kernel(_ name: String, make: () -> Kernel) -> Kernel {
    kernels.withLock { kernels in
      if let kernel = kernels[name] { return kernel }
      let kernel = make()
      kernels[name] = kernel
      return kernel
    }
  }
}

/// Packed forms of one layer's weights that several kernels may share, by name of the form.
final class PackCache: Sendable {
  private let packs = Mutex<[String: Storage]>([:])

  /// The packed weights of that name, made now if need be.
  func pack(_ name: String, make: () -> Storage) -> Storage {
    packs.withLock { packs in
      if let pack = packs[name] { return pack }
      let pack = make()
      packs[name] = pack
      return pack
    }
  }
}
