/// The Weights module.
enum WeightsModule {}
