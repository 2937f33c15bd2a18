import ArgumentParser

@main
struct ResgraphBench: ParsableCommand {}
