import { loadDaemonConfig } from '../../config/daemon-config.ts'
import { STATE_UPGRADES } from '../../config/format.ts'
import { concealKey } from '../../config/key.ts'
import { statePaths } from '../../config/paths.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { runDaemon } from '../../daemon/run.ts'
import { systemClock } from '../../platform/clock.ts'
import { collectWhenIdle } from '../../platform/collect-when-idle.ts'
import { ensurePrivateDir } from '../../platform/files.ts'
import { readFormat } from '../../platform/format.ts'
import { createLogger } from '../../platform/log.ts'
import { unreaped } from '../container/main-process.ts'
import { stayInContainer } from '../container/stay.ts'
import { serveWithoutReader } from '../terminal.ts'
import { handOver } from './hand-over.ts'
import { refuseWindows } from './refuse-windows.ts'
import { checkStateDir, namedStateDir, passStateDirOn, whileOnTrial } from './state-dir.ts'
import { stopTime } from './stop-time.ts'

/** Runs the daemon in this process. @returns its exit code */
export async function serve(flags: DaemonFlags): Promise<number> {
  refuseWindows()
  serveWithoutReader()
  // Do this before the key is removed from the environment: a daemon that restarts itself needs the key
  // again.
  const invocation = captureInvocation()
  const ended = await stayInContainer(invocation)
  if (ended !== undefined) return ended
  const config = await loadDaemonConfig({ flags, env: process.env }).catch(
    whileOnTrial(() => namedStateDir(flags)),
  )
  const { dir, log: file } = statePaths(config.state_dir)
  const ground = checkStateDir(dir, config.faults, config.strict_modes)
  passStateDirOn(invocation, flags, config.strict_modes)
  await handOver(dir, invocation, config.strict_modes)
  concealKey(config.key)
  ensurePrivateDir(dir)
  readFormat(dir, STATE_UPGRADES)
  ground.remember()
  const logger = createLogger({ level: config.log_level, file, stderr: config.log_format })
  process.on('uncaughtExceptionMonitor', (error) => logger.fatal({ err: error }, 'the daemon failed'))
  for (const warning of [...config.warnings, ...ground.warnings]) logger.warn(warning)
  const zombies = unreaped(process.env)
  if (zombies) logger.warn(`${zombies.message} ${zombies.remedy}`)
  collectWhenIdle(systemClock)
  return runDaemon({ ...stopTime(process.env), ...config }, { logger, invocation })
}
