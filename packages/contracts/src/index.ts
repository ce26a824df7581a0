export { AuditEntry, Session } from './access-routes.js'
export { CriticKind, GeneratorKind, IMAGE_SIZES, Model, POINT_SIZE } from './architectures.js'
export { Checkpoint, gridColumns, Sample, SamplePoints } from './artifacts.js'
export { Alert, AlertCondition, AlertRule, CreateAlertRule, PatchAlertRule } from './alerts.js'
export {
  ARCHIVE_VERSION,
  ArchivedCheckpoint,
  ArchivedCurve,
  ArchivedJob,
  ArchivedSample,
  ArchiveManifest,
  archiveFileName,
} from './archives.js'
export { CheckpointChoice } from './archive-routes.js'
export { Attempt } from './attempts.js'
export { type BudgetPlan, criticStepsOf, planBudget, roughBudget } from './budget-plan.js'
export { conflictsIn } from './conflicts.js'
export { estimateMemory, type MemoryEstimate, type Sized } from './cost/memory.js'
export { networkCosts } from './cost/networks.js'
export { operationsOf, operationsPerGeneratorStep, penaltiesOf } from './cost/operations.js'
export { storageOf } from './cost/storage.js'
export { comparedKeys, CurveItem, CurvesQuery, CurvesReply, MAX_CURVES } from './curves-query.js'
export {
  CurveAggregate,
  CurveAxis,
  CurveMark,
  type CurvePoint,
  CurveQuery,
  type CurveQueryInput,
  CurveReply,
  CurveSeries,
  lossNames,
  reproducibleNames,
  CurveSeriesName,
  isMetricSeries,
  SeriesName,
  seriesCatalogue,
  seriesNames,
  type Smoothing,
  toWire,
  WireNumber,
} from './curve.js'
export { type BucketPlace, isBelowPlace, parseBucketPlace } from './bucket-place.js'
export { DatasetImport, ImportDataset, ImportState, importTransitions } from './dataset-imports.js'
export { DatasetDetail } from './dataset-routes.js'
export { Dataset, DatasetFormat, DatasetId, DatasetRef, DatasetStatistics, type ImportedDataset } from './datasets.js'
export { PointLaw, type PointLawKind, type PointLawOf } from './points.js'
export { type DiagnosticName, type Diagnostics, diagnosticCatalogue, runtimeCatalogue } from './diagnostics.js'
export { Dossier, SpecDifference } from './dossier.js'
export {
  AppError,
  type AppErrorOptions,
  type ErrorCode,
  errorCatalogue,
  errorCodes,
  FieldError,
  type FieldErrorCode,
  Problem,
} from './errors.js'
export { fieldErrors } from './field-errors.js'
export {
  CriticHealth,
  type HealthRule,
  type HealthRuleName,
  healthRules,
  HealthState,
  RISE_OVER,
  Trouble,
} from './health.js'
export {
  CreateJob,
  type CreateJobInput,
  CreateJobs,
  ImportedFrom,
  isOwned,
  isTerminal,
  Job,
  JobEvent,
  JobState,
  Lint,
  ownedStates,
  PatchJob,
  Progress,
  StartFrom,
  terminalStates,
  transitions,
  Waiting,
  type WaitingReason,
} from './job.js'
export { JobListQuery, JobSort } from './job-list.js'
export { applyPreset, Budget, isObject, JobSpec, JobSpecInput, layer, Preset, presets, Schedule } from './job-spec.js'
export { Exported, exportedMedia, ExportFormat, ExportRequest, NETWORK_KEY } from './export.js'
export { FeatureNetwork, featureNetworkOf, UploadWeightsQuery, Weights } from './weights.js'
export { Generate, Generated, type GenerateInput, generatedMedia, Neighbours, numGenerated } from './generate.js'
export { allows, ApiKey, CreateApiKey, CreatedApiKey, KeyQuotas, PatchApiKey, Scope } from './keys.js'
export { LogLevel, LogLine, LogQuery, LogReply, LogSource } from './logs.js'
export {
  Hinge,
  LeastSquares,
  Minimax,
  NonSaturating,
  Objective,
  type ObjectiveKind,
  WganClip,
  WganDiv,
  WganGp,
  WganSn,
} from './objectives.js'
export { Adam, Optimizer, type OptimizerKind, RmsProp } from './optimizers.js'
export { eventFileName } from './outlet-routes.js'
export { Estimate, JobPlan } from './plan.js'
export { Reason, reasonCatalogue, remedyOf } from './reasons.js'
export { Remedy } from './remedies.js'
export {
  type BodyLimit,
  defaultBodyLimit,
  IdempotencyKey,
  IfMatch,
  type Route,
  type RouteName,
  type Routes,
  routes,
} from './routes.js'
export {
  Configuration,
  type GridParameter,
  type GridSearch,
  ParameterValue,
  type RandomParameter,
  type RandomSearch,
  Search,
} from './search.js'
export { nestPaths, specPaths } from './spec-paths.js'
export { StreamEvent } from './stream-routes.js'
export { nearest } from './strings.js'
export {
  isFinishedTask,
  isOwnedTask,
  ownedTaskStates,
  patientTasks,
  Task,
  TaskKind,
  type TaskParams,
  TaskReason,
  type TaskResult,
  TaskState,
  taskTransitions,
  Verification,
} from './tasks.js'
export { TrialListQuery, TrialSort } from './sweep-routes.js'
export {
  CreateSweep,
  type CreateSweepInput,
  lintSweep,
  MAX_TRIALS,
  SHOWN_CONFIGURATIONS,
  Sweep,
  SweepObjective,
  SweepPlan,
  SweepState,
  Trial,
  trialSpec,
} from './sweeps.js'
export { Worker, WorkerState } from './workers.js'
export { moves, type MovingVerb, PauseCheckpoint, takes, Verb, verbsOf } from './verbs.js'
export { ActOnJobs, type ActResult, BulkAction, ForkJob, type JobsFilter, MAX_BULK } from './verb-routes.js'
export { JobUsage, Usage, UsageGroup, UsageQuery, UsageRow } from './usage.js'
export {
  CreatedWebhook,
  CreateWebhook,
  PatchWebhook,
  Webhook,
  WebhookAnswer,
  WebhookDelivery,
  WebhookEvent,
} from './webhooks.js'
export {
  Evaluation,
  EvaluationPlan,
  EvaluationRequest,
  ExtractorKind,
  JobMetric,
  MadeExtractor,
  Measurement,
  metricCatalogue,
  MetricName,
  metricNames,
  type MetricSeriesName,
  metricsFor,
} from './quality.js'
