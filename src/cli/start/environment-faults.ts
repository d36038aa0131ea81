import { delimiter } from 'node:path'
import { runtimes } from '../../agents/runtimes/index.ts'
import { remedyOf } from '../../config/refuse-foreign.ts'
import { faultsOf } from '../../platform/ownership.ts'

/**
 * Returns faults that let other users change the agent program or certificates that the environment names.
 * Each fault has a remedy. The daemon warns about these files but does not refuse them: earlier versions
 * accepted them, and Node reads some of the files before this program runs.
 * @param user uid of the daemon; by default this process's uid
 */
export function environmentFaults(
  env: NodeJS.ProcessEnv,
  user?: number,
): { message: string; remedy: string }[] {
  const leads = (name: string, path = env[name]) => (path ? [[path, `${name} points there`] as const] : [])
  const places = [
    ...Object.values(runtimes).flatMap(({ title, find }) =>
      find(env)
        .slice(0, 1)
        .map((path) => [path, `agents run ${title} from there`] as const),
    ),
    ...leads('NODE_EXTRA_CA_CERTS'),
    ...leads('SSL_CERT_FILE'),
    ...(env.SSL_CERT_DIR ?? '').split(delimiter).flatMap((path) => leads('SSL_CERT_DIR', path)),
  ]
  return places.flatMap(([path, use]) =>
    faultsOf(path, user).map((fault) => ({
      message: `${fault.message}, and ${use}`,
      remedy: remedyOf(fault),
    })),
  )
}
