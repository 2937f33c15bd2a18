/// The DiffusionModels module.
enum DiffusionModelsModule {}
