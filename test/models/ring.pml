/*
 * Models the ring of native/queue: RingReserve, RingPublish (ring_writer.c) and RingPeek, RingTake
 * (ring_reader.c), with skips, restarts at the beginning and the hole that a restart leaves.
 *
 * One unit of the model is RING_ALIGNMENT bytes. Every access to shared memory is a step of its own,
 * so that the two ends interleave between any two accesses, and the sender may terminate anywhere.
 *
 * Properties, for every interleaving:
 *   - records arrive in order, each once, and their bytes are not overwritten before RingTake;
 *   - a record that was published before its sender terminated is delivered;
 *   - with HOSTILE_SENDER, whatever the sender writes, the reader stays inside the ring;
 *   - with HOSTILE_RECEIVER, whatever the cursor says, the writer stays inside the ring.
 */
#ifndef CAPACITY
#define CAPACITY 5
#endif
#ifndef RECORDS
#define RECORDS 6
#endif
#define RECORD_MAX (CAPACITY / 2)
#define WINDOW 2	/* RING_HOT_WINDOW in units */

/* The ring: the words of a record's prefix, and its bytes, which repeat its number in every unit. */
byte sequence[CAPACITY];
byte size[CAPACITY];
byte skipTo[CAPACITY];
byte bytes[CAPACITY];

byte cursor;		/* RingCursors.taken: position of the first unit that was not consumed */
byte published;		/* records published so far; not visible to the ends, for the assertions */
byte delivered;
bool senderEnded;
bool broken;		/* one end reported EPROTO */

#ifdef HOSTILE_SENDER
proctype Sender() {
	byte at;
	byte writes = 4;
	do
	:: writes > 0 ->
		writes--;
		at = 0;
		do
		:: at < CAPACITY - 1 -> at++
		:: break
		od;
		if
		:: sequence[at] = 1
		:: sequence[at] = 2
		:: sequence[at] = 3
		:: size[at] = 0
		:: size[at] = 1
		:: size[at] = RECORD_MAX
		:: size[at] = RECORD_MAX + 1
		:: size[at] = CAPACITY + 1
		:: skipTo[at] = 0
		:: skipTo[at] = 1
		:: skipTo[at] = CAPACITY - 1
		:: skipTo[at] = CAPACITY
		fi
	:: break
	od;
	senderEnded = true
}
#else

/* Place (ring_writer.c): room for `length` units as far as the writer knows. */
inline place(length) {
	placed = false;
	lap = written - offset;
	target = offset;
	if
	:: holePending ->
		holeOffset = hole % CAPACITY;
		lap = hole - holeOffset + CAPACITY;
		target = written - lap;
		if
		:: target < holeOffset && target + length + 1 > holeOffset -> target = holeOffset + 1
		:: else
		fi;
		if
		:: target + length > CAPACITY -> skip
		:: else -> placed = true
		fi
	:: else ->
		if
		:: target + length > CAPACITY -> target = 0; lap = lap + CAPACITY
		:: else
		fi;
		if
#ifndef WITHOUT_ROOM_CHECK
		:: lap + target + length - takenSeen > CAPACITY -> skip
#endif
		:: else -> placed = true
		fi
	fi
}

/* RefreshTaken (ring_writer.c). */
inline refresh() {
	value = cursor;
	if
	:: value < takenSeen || value > written -> broken = true; goto ended
	:: else
	fi;
	takenSeen = value;
	if
	:: holePending && takenSeen != hole -> holePending = false
	:: else
	fi
}

proctype Sender() {
	byte written = 0, offset = 0, takenSeen = 0, next = 1, hole = 0, restartAt = WINDOW;
	byte length, target, lap, holeOffset, value, unit, last;
	bool holePending = false, restart, placed;
	byte remaining = RECORDS;

	do
	:: remaining == 0 -> break
	:: remaining > 0 ->
		if
		:: length = 1
		:: length = RECORD_MAX
		fi;
		restart = false;
		placed = false;
		/* PlaceRefreshing */
		if
		:: offset >= restartAt ->
			refresh();
			if
			:: takenSeen == written && length + 1 <= offset ->
				target = 0;
				lap = written - offset + CAPACITY;
				restart = true;
				placed = true
			:: else -> restartAt = offset + WINDOW
			fi
		:: else
		fi;
		if
		:: !placed ->
			place(length);
			if
			:: placed && !(holePending && target != offset) -> skip
			:: else -> refresh(); place(length)
			fi
		:: else
		fi;
		if
		:: !placed ->
			/* ENOMEM: try again when the receiver has consumed more. */
			(cursor != takenSeen || broken || remaining == 0);
			if
			:: broken -> goto ended
			:: else
			fi
		:: placed ->
			/* The caller writes the bytes, then StorePublished writes the prefix. */
			unit = 0;
			do
			:: unit < length ->
				assert(target + unit < CAPACITY);
				bytes[target + unit] = published + 1;
				unit++
			:: else -> break
			od;
			size[target] = length;
			skipTo[target] = 0;
			last = next;
			if
			:: target != offset ->
				assert(offset < CAPACITY);
				size[offset] = 0;
				skipTo[offset] = target;
				sequence[target] = next + 1;
				next = next + 2
			:: else -> next = next + 1
			fi;
			if
			:: skip
			:: goto ended	/* terminated before the store that publishes */
			fi;
			atomic {
				sequence[offset] = last;
				published++
			};
			if
			:: restart -> hole = written; holePending = true
			:: else
			fi;
			if
			:: target < offset -> restartAt = WINDOW
			:: else
			fi;
			written = lap + target + length;
			offset = target + length;
			if
			:: offset == CAPACITY -> offset = 0; restartAt = WINDOW
			:: else
			fi;
			remaining--
		fi
	od;
ended:	senderEnded = true
}
#endif

#ifdef HOSTILE_RECEIVER
proctype Receiver() {
	byte writes = 4;
	do
	:: writes > 0 ->
		writes--;
		if
		:: cursor = 0
		:: cursor = 1
		:: cursor = cursor + RECORD_MAX
		:: cursor = CAPACITY
		:: cursor = 200
		fi
	:: else -> break
	od;
	broken = true	/* releases a sender that waits for room */
}
#else
proctype Receiver() {
	byte offset = 0, taken = 0, next = 1;
	byte at, length, skipped, number, unit;
end:	do
	:: sequence[offset] == next ->
		/* RingPeekAt: every word of the sender is read once. */
		at = offset;
		skipped = 0;
		number = next;
		length = size[at];
		if
		:: length == 0 ->
			at = skipTo[offset];
#ifndef WITHOUT_SKIP_CHECK
			if
			:: at >= CAPACITY || at == offset -> broken = true; goto ended
			:: else
			fi;
#endif
			assert(at < CAPACITY);
			skipped = ((at > offset) -> at - offset : CAPACITY - offset + at);
			number = number + 1;
			if
			:: sequence[at] != number -> broken = true; goto ended
			:: else
			fi;
			length = size[at]
		:: else
		fi;
#ifndef WITHOUT_SIZE_CHECK
		if
		:: length < 1 || length > RECORD_MAX || length > CAPACITY - at -> broken = true; goto ended
		:: else
		fi;
#endif
		/* The caller copies the bytes. */
		unit = 0;
		do
		:: unit < length ->
			assert(at + unit < CAPACITY);
#ifndef HOSTILE_SENDER
			assert(bytes[at + unit] == delivered + 1);
#endif
			unit++
		:: else -> break
		od;
		/* RingTake */
		delivered++;
#ifndef HOSTILE_SENDER
		assert(delivered <= published);
#endif
		taken = taken + skipped + length;
		offset = at + length;
		if
		:: offset == CAPACITY -> offset = 0
		:: else
		fi;
		next = number + 1;
		cursor = taken
	od;
ended:	skip
}
#endif

init {
	atomic {
		run Receiver();
		run Sender()
	};
	timeout ->
	assert(senderEnded);
#if !defined(HOSTILE_SENDER) && !defined(HOSTILE_RECEIVER)
	assert(!broken);
	assert(delivered == published)
#endif
}
