/** The place of the buttons on a sheet for people who may only read. */
export const MayNotAnswer = () => <p>Your role does not allow answers. Ask an operator.</p>
