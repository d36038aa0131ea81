/** Yields agents so that their machines take turns: no machine has to wait for all agents of another machine. */
export function* inTurns(agents: Iterable<[key: string, machineId: string]>): Iterable<[string, string]> {
  const waiting = new Map<string, string[]>()
  for (const [key, machineId] of agents) {
    const keys = waiting.get(machineId)
    if (keys) keys.push(key)
    else waiting.set(machineId, [key])
  }
  for (let turn = 0; waiting.size > 0; turn++)
    for (const [machineId, keys] of waiting) {
      const key = keys[turn]
      if (key === undefined) waiting.delete(machineId)
      else yield [key, machineId]
    }
}
