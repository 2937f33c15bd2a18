import DiffusionModels
import GraphRuntime

// The words of these enumerations are what a graph may write.
extension SamplerKind: ChoiceParam {}
extension ScheduleKind: ChoiceParam {}
extension SpacingKind: ChoiceParam {}
extension PullSchedule: ChoiceParam {}
extension PromptWeighting: ChoiceParam {}
