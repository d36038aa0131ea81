/** Returns the commands of the README's tour. */
export function commandsOfTour(readme: string): string[] {
  const [, block = ''] = /^## A tour\n[\s\S]*?^```sh\n([\s\S]*?)^```/m.exec(readme) ?? []
  return block.split('\n').filter((line) => line !== '')
}
