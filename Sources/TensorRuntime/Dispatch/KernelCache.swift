import Synchronization

/// The kernels a layer has made so far, one for each implementation that was ever chosen for it.
///
/// A kernel holds the layer's weights in its own packed form, so it is made at first use and kept.
final class KernelCache<Kernel: Sendable>: Sendable {
  private let kernels = Mutex<[String: Kernel]>([:])

  /// Returns the kernel of that name, and makes it first if there is none yet.
  ///
  /// It is made once even when several threads ask at the same time.
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

  /// Returns the packed weights of that name, and makes them first if there are none yet.
  func pack(_ name: String, make: () -> Storage) -> Storage {
    packs.withLock { packs in
      if let pack = packs[name] { return pack }
      let pack = make()
      packs[name] = pack
      return pack
    }
  }
}
