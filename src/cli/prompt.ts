/** Asks on the terminal. Ctrl-C is what it is elsewhere: the end of the program. @returns what was typed; '' at Ctrl-D */
export async function askLine(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const readline = createInterface({ input: process.stdin, output: process.stdout })
  const closed = new Promise<string>((resolve) => readline.once('close', () => resolve('')))
  readline.once('SIGINT', () => {
    readline.close()
    process.stdout.write('\n')
    process.kill(process.pid, 'SIGINT')
  })
  try {
    return (await Promise.race([readline.question(question), closed])).trim()
  } finally {
    readline.close()
  }
}
