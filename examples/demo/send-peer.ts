/** Serves the same sum over process.send, for comparison. */
process.on('message', ({ id, numbers }: { id: number; numbers: [number, number] }) => {
  process.send?.({ id, sum: numbers[0] + numbers[1] });
});
