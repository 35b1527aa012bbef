/** The same sum, served over process.send: what LiteIPC is compared with. */
process.on('message', ({ id, numbers }: { id: number; numbers: [number, number] }) => {
  process.send?.({ id, sum: numbers[0] + numbers[1] });
});
