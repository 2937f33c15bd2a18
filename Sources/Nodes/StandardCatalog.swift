public import GraphRuntime

extension NodeCatalog {
  /// Every node type of this engine, in the order in which listings show them.
  ///
  /// - Returns: The catalog; types are listed here one by one, importing a module adds none.
  /// - Throws: `CatalogError` when a declaration is not sound, which a test rules out.
  public static func standard() throws -> NodeCatalog { try NodeCatalog(standardTypes) }

  private static var standardTypes: [any NodeType.Type] {
    [
      CheckpointLoad.self, VAELoad.self, LoRALoad.self, ResAdapterLoad.self, LCMLoRA.self,
      IPAdapter.self,
      TextEncode.self, EmptyLatent.self, Noise.self, ControlNet.self, T2IAdapter.self,
      UNetDenoise.self, ElasticDiffusion.self, MultiDiffusion.self, VAEEncode.self, VAEDecode.self,
      ResAdapterTrain.self,
      InpaintLatent.self, LatentResize.self,
      ImageLoad.self, ImageResize.self, ImageGrid.self, Canny.self, RectangleMask.self,
    ]
  }
}
