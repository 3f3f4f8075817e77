// Written by `make protocol`.
/** `block`, ours: to have nothing to do with somebody, or to take that back. */
export type Block = { blocked: boolean, chat_partner_id: Digits };

/** `block_changed`: to the other sockets of whoever blocks. */
export type BlockChanged = { blocked: boolean, chat_partner_id: UserId };

/** The acknowledgement of `block`: how it is now. */
export type Blocked = { blocked: boolean };

/** `chat_opened`: the partner. */
export type ChatOpened = User;

/** `new_message_count_changed`: to the other sockets of the reader. */
export type CountChanged = { chat_partner_id: UserId, last_read_id: MessageId, new_message_count: number };

export type CountUpdated = { chat_partner_id: Digits, last_read_id?: Digits, new_message_count: number };

/** A whole number that is not negative, or its digits as text. */
export type Digits = number | string;

/** Why an event was refused: the first argument of its acknowledgement. Always an object: the original script asks for `"failure" in ack`, which throws on anything else. */
export type Failure = { code: FailureCode, failure: string, retry_after?: number };

export type FailureCode = "invalid" | "not_found" | "forbidden" | "unauthenticated" | "too_often" | "unavailable";

/** `message_received_from_another_chat`. */
export type FromAnotherChat = { chatPartnerId: UserId, message_id: MessageId, new_message_count: number };

/** `message_received_from_current_chat`. */
export type FromCurrentChat = { id: MessageId, message: string, new_message_count: number, timestamp: Timestamp };

export type HistoryScrolled = { before_id?: Digits, chat_partner_id: Digits, message_count: Digits };

/** The acknowledgement of `join_chat`: the newest messages, newest first, how many are new, and for protocol 2 what else our page needs. */
export type JoinAnswer = [Message[], number] | [Message[], number, Joined];

export type JoinChat = { at_most?: Digits, chat_partner_id: Digits };

/** The third argument of `join_chat`'s acknowledgement. */
export type Joined = { blocked: boolean, last_read_id: MessageId };

/** A stored message, in the shape in which it goes over the wire. */
export type Message = { id: MessageId, message: string, receiver_id: UserId, sender_id: UserId, timestamp: Timestamp };

/** The id of a message. Ids grow in the order in which messages were stored: they are the order. */
export type MessageId = number;

export type MessageSent = { chat_partner_id: Digits, client_id?: string, message: string };

/** `new_user_sent_message`. */
export type NewUser = { id: UserId, message_id: MessageId, new_message_count: number, username: string };

/** How far a member has read. The count always equals the number of the partner's messages after `last_read_id` that were not deleted. */
export type ReadState = { last_read_id: MessageId, new_message_count: number };

/** The acknowledgement of `message_sent`. */
export type Sent = { duplicate: boolean, id: MessageId, timestamp: Timestamp };

/** `message_sent_elsewhere`: to the other sockets of the sender. */
export type SentElsewhere = { chat_partner_id: UserId, id: MessageId, message: string, timestamp: Timestamp };

/** `sync`, ours: what came after a message. */
export type Sync = { since_id: Digits };

/** The acknowledgement of `sync`. */
export type Synced = { chats: SyncedChat[], messages: Message[], more: boolean, user_id: UserId };

/** A chat as `sync` lists it: the partner, and how far the user has read. */
export type SyncedChat = { id: UserId, last_read_id: MessageId, new_message_count: number, username: string };

/** A time as the database and the wire spell it: `YYYY-MM-DD HH:MM:SS`, UTC. Clients cut the text apart, so it never carries a fraction or a zone. */
export type Timestamp = string;

/** A user as other people see them. */
export type User = { id: UserId, username: string };

/** The id of a user, as it stands in the database and on the wire: a positive number. */
export type UserId = number;

/** What a client asks, and the arguments of each acknowledgement that is no failure. */
export interface Requests {
  /** Opens a chat: gives its newest messages (20, or all that are new up to 1000 and 4 MB), newest first, and how many are new; to a client that has asked for protocol 2, a third argument. `at_most` asks for no more messages than that (1 to 1000), for a client on a slow link. From now on what comes to that chat is sent as `message_received_from_current_chat`. */
  join_chat: { payload: JoinChat; answer: [Message[], number] | [Message[], number, Joined] };
  /** Gives the next ten older messages of a chat, newest first; none at the end. With `before_id`, those before that message, and `message_count` is ignored. */
  message_history_is_scrolled_to_the_top: { payload: HistoryScrolled; answer: [Message[]] };
  /** Sends a message. With a `client_id`, a UUID, it is kept once, however often it is sent: where `duplicate` is true it was stored before, and `id` and `timestamp` are those of that time. */
  message_sent: { payload: MessageSent; answer: [Sent] };
  /** Marks messages as read: all up to `last_read_id`, and `new_message_count` is ignored; without it, all but so many. Gives how it is now. */
  new_message_count_updated: { payload: CountUpdated; answer: [ReadState] };
  /** Blocks the partner of a chat, or takes that back; either may be repeated. */
  block: { payload: Block; answer: [Blocked] };
  /** Gives what came after a message in all chats of the user, at most 100 messages, oldest first; `more` says whether to ask again since the last of them. `chats` has the newest 1000 chats, newest first. All are of one moment. A `since_id` of 9007199254740991 asks for the chats only. */
  sync: { payload: Sync; answer: [Synced] };
}

/** What the server tells unasked. */
export interface Notifications {
  /** A message has opened a chat with somebody new. */
  new_user_sent_message: NewUser;
  /** A message has come to the chat that this socket has open. */
  message_received_from_current_chat: FromCurrentChat;
  /** A message has come to another chat. Its text is not here: open the chat, or `sync`. */
  message_received_from_another_chat: FromAnotherChat;
  /** Another socket of the same user has sent a message. */
  message_sent_elsewhere: SentElsewhere;
  /** Another socket of the same user has read. */
  new_message_count_changed: CountChanged;
  /** Another socket of the same user has blocked the partner, or unblocked. */
  block_changed: BlockChanged;
  /** The user has opened a chat on the find page. */
  chat_opened: ChatOpened;
}
