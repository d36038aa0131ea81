/**
 * The phases of an update. An update spans several processes, so its phase is not stored: every process
 * derives the phase from `update.json` and the installation (`phaseOf`). A crash therefore has the same
 * effect as a restart.
 *
 * fetching: the version is resolved, downloaded, verified, unpacked, and proven. The installed program is
 * unchanged; all new files are in separate folders. `update.json` names each stage before it begins. The
 * phase ends with the switch or with an error. It ends at once if the version is installed already. After a
 * crash during an update that a server ordered, the next daemon waits for the server to repeat its command,
 * at most twice. An update that no server ordered has failed. The next update removes the files of a failed
 * update.
 *
 * staged: the next start of this daemon runs the new version. A stand-in is in the program's place: every
 * other command, and every other daemon of the installation, still runs the previous version. `update.json`
 * has the trial, which contains everything that is needed to finish or revert the update; `update.start`
 * identifies this daemon. The phase ends with the start of the new version. A crash makes no difference: the
 * new version still runs as soon as a supervisor or a person starts the daemon. If the previous version is
 * started by another path, it ends the update, and puts its own program back.
 *
 * on_trial: a daemon of the new version runs, and a guard of the previous version watches it. `update.starts`
 * has one byte for each start. The phase ends with the server's welcome, or with a refusal, the time limit, a
 * stop, or an action of the guard. After a crash of the daemon, the guard puts the previous version back and
 * starts it. After a crash of the machine, the new version gets a second start; the third start runs the
 * previous version, which ends the trial.
 *
 * confirmed: a rename has put the new version in the program's place, and the new version runs. The remaining
 * steps are: record the success, replace the other files of the package, remove old versions, and report.
 * After a crash, the next daemon takes these steps: a new version that runs without a stand-in proves that
 * the rename was made.
 *
 * reverting: the update has failed and is being undone. `update.json` has the reason, which is written before
 * anything is undone, because a trial that is undone without a record would look like a success. The stand-in
 * is still in the program's place, or the new version still runs. The phase ends when the previous version is
 * in its place and runs. After a crash, the version that starts next continues the rollback.
 *
 * reverted: the previous version is back in its place, and runs. The remaining steps are: record the reason
 * if a full disk has prevented this before, remove the new version, and report. After a crash, the next
 * daemon takes these steps.
 *
 * failed: an error ended the update before the switch. Nothing has changed, and the only remaining step is
 * the report.
 *
 * After the last step of a confirmed, reverted, or failed update, `update.json` contains `settled`.
 */
export type Phase = 'fetching' | 'staged' | 'on_trial' | 'confirmed' | 'reverting' | 'reverted' | 'failed'

/**
 * An event that may change the phase of an update:
 *
 * - `present`: the resolved version was installed already, and runs without a trial.
 * - `switched`: the stand-in is in the program's place.
 * - `started`: a daemon runs the new version.
 * - `welcomed`: the server has welcomed the new version.
 * - `refused`: the server has refused the new version.
 * - `timed_out`: the server has not welcomed the new version within the time limit.
 * - `stopped`: the daemon has been stopped permanently.
 * - `guard_gave_up`: the guard has put the previous version back.
 * - `broken`: an error has ended the update.
 * - `restored`: the previous version is in its place, and runs.
 */
export type Stimulus =
  | 'present'
  | 'switched'
  | 'started'
  | 'welcomed'
  | 'refused'
  | 'timed_out'
  | 'stopped'
  | 'guard_gave_up'
  | 'broken'
  | 'restored'

const next: Record<Phase, Record<Stimulus, Phase>> = {
  fetching: {
    present: 'confirmed',
    switched: 'staged',
    started: 'fetching',
    welcomed: 'fetching',
    refused: 'fetching',
    timed_out: 'fetching',
    stopped: 'fetching',
    guard_gave_up: 'fetching',
    broken: 'failed',
    restored: 'fetching',
  },
  staged: {
    present: 'confirmed',
    switched: 'staged',
    started: 'on_trial',
    welcomed: 'staged',
    refused: 'staged',
    timed_out: 'staged',
    stopped: 'staged',
    guard_gave_up: 'staged',
    broken: 'reverting',
    restored: 'staged',
  },
  on_trial: {
    present: 'on_trial',
    switched: 'on_trial',
    started: 'on_trial',
    welcomed: 'confirmed',
    refused: 'reverting',
    timed_out: 'reverting',
    stopped: 'reverting',
    guard_gave_up: 'reverting',
    broken: 'reverting',
    restored: 'on_trial',
  },
  confirmed: {
    present: 'confirmed',
    switched: 'confirmed',
    started: 'confirmed',
    welcomed: 'confirmed',
    refused: 'confirmed',
    timed_out: 'confirmed',
    stopped: 'confirmed',
    guard_gave_up: 'confirmed',
    broken: 'confirmed',
    restored: 'confirmed',
  },
  reverting: {
    present: 'reverting',
    switched: 'reverting',
    started: 'reverting',
    welcomed: 'reverting',
    refused: 'reverting',
    timed_out: 'reverting',
    stopped: 'reverting',
    guard_gave_up: 'reverting',
    broken: 'reverting',
    restored: 'reverted',
  },
  reverted: {
    present: 'reverted',
    switched: 'reverted',
    started: 'reverted',
    welcomed: 'reverted',
    refused: 'reverted',
    timed_out: 'reverted',
    stopped: 'reverted',
    guard_gave_up: 'reverted',
    broken: 'reverted',
    restored: 'reverted',
  },
  failed: {
    present: 'failed',
    switched: 'failed',
    started: 'failed',
    welcomed: 'failed',
    refused: 'failed',
    timed_out: 'failed',
    stopped: 'failed',
    guard_gave_up: 'failed',
    broken: 'failed',
    restored: 'failed',
  },
}

export const step = (phase: Phase, stimulus: Stimulus): Phase => next[phase][stimulus]

/** Reports whether the outcome of an update in this phase is certain, so that another update may begin. */
export const isOver = (phase: Phase) => phase === 'confirmed' || phase === 'reverted' || phase === 'failed'
