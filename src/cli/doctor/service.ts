import { inspectServices } from '../../service/inspect.ts'
import type { Finding } from '../render/finding.ts'

/** What keeps the daemon running here, and whether it lets agents live. @param pid of the daemon that runs */
export async function checkService(pid: number | undefined): Promise<Finding[]> {
  const found = await inspectServices(pid)
  if (found.length === 0)
    return [{ check: 'service', level: 'ok', message: 'No service runs the daemon: it is started by hand' }]
  return found.flatMap(({ manager, name, troubles }): Finding[] =>
    troubles.length === 0
      ? [{ check: 'service', level: 'ok', message: `The service ${name} of ${manager} lets agents live` }]
      : troubles.map((trouble) => ({ check: 'service', ...trouble })),
  )
}
