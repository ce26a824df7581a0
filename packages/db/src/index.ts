export { appendAudit, forgetAudit, listAudit, type NewAuditEntry } from './audit.js'
export { createAlertRule, deleteAlertRule, listAlertRules, listAlerts, patchAlertRule } from './alert-rules.js'
export { type ImportedJob, importJob, newJobId, readCurveHistory } from './archives.js'
export { listAttempts } from './attempt-list.js'
export type { AttemptEnd } from './attempts.js'
export {
  addCheckpoint,
  getCheckpoint,
  listCheckpoints,
  newestCheckpoint,
  type NewCheckpoint,
  quarantineCheckpoint,
  type StoredCheckpoint,
} from './checkpoints.js'
export { noteHealth, noteRemedy } from './critic-health.js'
export { eachPoint, readPointsFrom, type StoredPoint } from './curve/points.js'
export { curveVersion, readCurve, readCurves } from './curve/read.js'
export { appendPoints, rollbackCurve } from './curve/write.js'
export type { Page, PageQuery } from './cursor.js'
export { type Database, joinedTransaction, openDatabase, type OpenDatabaseOptions } from './database.js'
export {
  type ClaimedImport,
  claimImport,
  createImport,
  finishImport,
  getImport,
  type ImportEnd,
  type ImportSource,
  listImports,
  newImportId,
  noteImport,
  requeueImports,
} from './dataset-imports.js'
export { describeDataset, listDatasets, listDatasetVersions, registerDataset, resolveDataset } from './datasets.js'
export { deleteJob } from './deletion.js'
export { drawTickets, type DrawnTicket } from './dispatch.js'
export { type ExtractorPlace, findExtractors, registerExtractor, type StoredExtractor } from './extractors.js'
export { type Fence, FencedError, type TaskFence } from './fence.js'
export { answerOnce, forgetReplies, type IdempotentRequest, type StoredReply } from './idempotency.js'
export {
  countQueued,
  createJob,
  createJobs,
  getJob,
  listEvents,
  matchJobs,
  type NewJob,
  type NewTrial,
} from './jobs.js'
export { jobMarks, type JobMarks } from './job-changes.js'
export {
  createKey,
  getKey,
  hasKeys,
  type KeyHolder,
  listKeys,
  type NewKey,
  patchKey,
  revokeKey,
  verifyKey,
} from './keys.js'
export { countIncidents, type Figures, readFigures } from './figures.js'
export { type Lead, tryLead } from './leader.js'
export {
  type Claim,
  claimJob,
  type ClaimRequest,
  finishAttempt,
  markRunning,
  noteAttempt,
  type Renewal,
  type Renewed,
  renewLease,
} from './leases.js'
export { countJobs, listJobs } from './list-jobs.js'
export { listMetrics } from './metrics.js'
export { assertMigrated, migrate } from './migrate.js'
export { patchJob } from './patch-job.js'
export { reconcile, type Reconciled, reconcileTasks } from './reconcile.js'
export { newestPoints, succeededOn } from './dossier.js'
export { databaseTime, type Retention, retireCheckpoints, setPinned, unreferencedKeys } from './retention.js'
export { claimTask, type ClaimedTask, finishTask, renewTaskLease, type TaskEnd } from './task-leases.js'
export {
  cancelTask,
  createTask,
  findSameTask,
  getTask,
  listTasks,
  type NewTask,
  type TaskFilter,
  taskOutput,
} from './tasks.js'
export { appendLog, countDroppedLines, type NewLogLine, readLog } from './trainer-log.js'
export {
  addSample,
  getSample,
  getSamplePoints,
  listSamples,
  type NewSample,
  sampleCoordinates,
  samplesFrom,
  type StoredSample,
} from './samples.js'
export { deleteWeights, getWeights, listWeights, registerWeights, type StoredWeights } from './weights.js'
export { DatabaseUnusable } from './server-check.js'
export { endSession, findSession, forgetSessions, startSession } from './sessions.js'
export { createSweep, getSweep, listSweeps, type NewSweep, trialsFor } from './sweeps.js'
export { type MeasuredAttempt, measuredAttempts } from './speeds.js'
export { listTrials } from './trials.js'
export { readJobUsage, readUsage } from './usage.js'
export { askJob, type Asked, refusal, setArchived } from './verbs.js'
export { holdQueue, type Newcomer, whyItWouldWait, whyWaiting } from './waiting.js'
export {
  type DeviceClass,
  heartbeatWorker,
  largestMemory,
  listWorkers,
  type NewWorker,
  registerWorker,
  removeWorker,
  setDraining,
} from './workers.js'
export { forgetDeliveries, listDeliveries, noteDelivery, takeDueDeliveries } from './webhook-deliveries.js'
export { createWebhook, deleteWebhook, getWebhook, listWebhooks, patchWebhook, webhookSecret } from './webhooks.js'
export { watchAlerts } from './watch-alerts.js'
