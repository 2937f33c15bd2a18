import DiffusionModels
import GraphRuntime
import ResgraphFiles

// The words of these enumerations are what a graph may write.
extension SamplerKind: ChoiceParam {}
extension ScheduleKind: ChoiceParam {}
extension SpacingKind: ChoiceParam {}
extension PullSchedule: ChoiceParam {}
extension PromptWeighting: ChoiceParam {}
