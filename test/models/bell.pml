/*
 * Models the wake-up protocol of native/queue/ring.h (RingArm, RingLookAfterArm, BellIsDue) together
 * with the set of polled lanes in native/kernel/inbound_lanes.c.
 *
 * LANES senders publish RECORDS records each and may terminate between any two steps. One receiver
 * polls at most POLLED_MAX lanes. A lane outside the polled set is armed: its sender must ring.
 * A sender rings at most once per epoch. An edge-triggered bell is one bit per lane.
 *
 * Properties, for every interleaving:
 *   - no wake-up is lost: when no process can continue, every published record has been taken;
 *   - no record is lost or taken twice: `taken` never exceeds `published`;
 *   - a sender that terminates, or that rings without a reason (HOSTILE), changes neither.
 */
#ifndef LANES
#define LANES 2
#endif
#ifndef POLLED_MAX
#define POLLED_MAX 1
#endif
#ifndef RECORDS
#define RECORDS 2
#endif

byte published[LANES];	/* records whose sequence word was stored */
byte taken[LANES];	/* records that the receiver consumed */
byte epoch[LANES];	/* the word `armed` of the cursors: odd asks the sender to ring */
bool edge[LANES];	/* the bell was written since epoll reported it last */
bool polled[LANES];	/* the lane is in the polled set of the receiver */
bool rang[LANES];	/* the lane rang and is not in the polled set yet */
byte polledCount;

#define VISIBLE(lane) (published[lane] != taken[lane])

/* RingArm: a new odd epoch, whether the lane was armed before or not. */
inline arm(lane) {
	epoch[lane] = epoch[lane] + ((epoch[lane] % 2 == 1) -> 2 : 1)
}

inline disarm(lane) {
	if
	:: epoch[lane] % 2 == 1 -> epoch[lane] = epoch[lane] + 1
	:: else
	fi
}

proctype Sender(byte lane) {
	byte seen;
	byte rungEpoch = 0;
	byte remaining = RECORDS;
#ifdef HOSTILE
	byte rings = 2;
#endif
	do
	:: remaining > 0 ->
		published[lane]++;	/* StorePublished: sequentially consistent */
		remaining--;
		if
		:: skip
		:: break	/* terminated between the store and the bell */
		fi;
		seen = epoch[lane];	/* BellIsDue: sequentially consistent */
		if
		:: seen % 2 == 1 && seen != rungEpoch ->
			rungEpoch = seen;
			edge[lane] = true
		:: else
		fi
	:: remaining == 0 ->
end_idle:	false	/* alive, with nothing more to send: no further wake-up comes */
	:: break	/* terminated */
#ifdef HOSTILE
	:: lane == 0 && rings > 0 -> rings--; edge[lane] = true	/* rings without a record */
#endif
	od;
	/*
	 * The domain notices the end of the process, marks the task and then wakes the receiver through
	 * its control socket: one edge more, after the last record.
	 */
	edge[lane] = true
}

/* HotLaneAdd with HotLaneEvict: when the set is full, another lane has to ring again. */
inline poll(lane) {
	rang[lane] = false;
	if
	:: !polled[lane] ->
		if
		:: polledCount == POLLED_MAX ->
			victim = 0;
			do
			:: polled[victim] -> break
			:: else -> victim++
			od;
			polled[victim] = false;
			polledCount--;
			arm(victim);
			if
#ifndef WITHOUT_LOOK_AFTER_EVICT
			:: VISIBLE(victim) -> rang[victim] = true
#endif
			:: else
			fi
		:: else
		fi;
		polled[lane] = true;
		polledCount++;
		disarm(lane)
	:: else
	fi
}

/* InboundCollect: reports every edge, and clears it by reporting. */
inline collect() {
	i = 0;
	do
	:: i < LANES ->
		if
		:: edge[i] ->
			edge[i] = false;
			if
			:: !polled[i] -> rang[i] = true
			:: else
			fi
		:: else
		fi;
		i++
	:: else -> break
	od
}

proctype Receiver() {
	byte i;
	byte victim;
	bool found;
	do
	:: true ->
		/* Take what is visible in the polled set. */
		i = 0;
		found = false;
		do
		:: i < LANES ->
			if
			:: polled[i] && VISIBLE(i) ->
				taken[i]++;
				assert(taken[i] <= published[i]);
				found = true
			:: else
			fi;
			i++
		:: else -> break
		od;
		/* Lanes that rang join the set. */
		i = 0;
		do
		:: i < LANES ->
			if
			:: rang[i] -> poll(i); found = true
			:: else
			fi;
			i++
		:: else -> break
		od;
		if
		:: found -> skip
		:: else ->
			/* InboundArm: arm every polled lane, then look at every polled lane. */
			i = 0;
			do
			:: i < LANES ->
				if
				:: polled[i] -> arm(i)
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0;
			do
			:: i < LANES ->
				if
#ifndef WITHOUT_LOOK_AFTER_ARM
				:: polled[i] && VISIBLE(i) -> found = true
#endif
				:: else
				fi;
				i++
			:: else -> break
			od;
			if
			:: found -> skip
			:: else ->
				/* epoll_wait */
end_sleep:			if
				:: edge[0] -> skip
				:: edge[1] -> skip
#if LANES > 2
				:: edge[2] -> skip
#endif
				fi
			fi;
			i = 0;
			do
			:: i < LANES ->
				if
				:: polled[i] -> disarm(i)
				:: else
				fi;
				i++
			:: else -> break
			od;
			collect()
		fi
	od
}

init {
	byte lane = 0;
	atomic {
		do
		:: lane < LANES ->
			/* A new lane is polled while there is room (InboundLaneBegin), else it is armed. */
			if
			:: polledCount < POLLED_MAX -> polled[lane] = true; polledCount++
			:: else -> epoch[lane] = 1
			fi;
			lane++
		:: else -> break
		od;
		run Receiver();
		lane = 0;
		do
		:: lane < LANES -> run Sender(lane); lane++
		:: else -> break
		od
	};
	/* Nothing can continue: all has been taken. */
	timeout -> 
	lane = 0;
	do
	:: lane < LANES -> assert(taken[lane] == published[lane]); lane++
	:: else -> break
	od
}
